// Hierarchical normal model of eight schools: bayes/exact/hierarchical_normal.py.
data {
  int<lower=0> n;
  int<lower=n> size_noise_sds;
  vector[n] y;
  vector<lower=0>[size_noise_sds] noise_sds;
  real prior_mean;
  real<lower=0> prior_sd;
  real<lower=0> spread;
}
parameters {
  real mu;
  real<lower=0> tau;
  vector[n] distance_from_mu; // in units of tau: with theta itself NUTS does not get into the funnel
}
transformed parameters {
  vector[n] theta = mu + tau * distance_from_mu;
}
model {
  target += cauchy_lpdf(tau | 0, spread) + log(2); // on the positive half
  target += normal_lpdf(mu | prior_mean, prior_sd);
  target += std_normal_lpdf(distance_from_mu);
  target += normal_lpdf(y | theta, noise_sds[1 : n]);
}
