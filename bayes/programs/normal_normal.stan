// Mean of a normal with known noise: bayes/exact/normal_normal.py.
data {
  int<lower=0> n;
  vector[n] y;
  real prior_mean;
  real<lower=0> prior_sd;
  real<lower=0> noise_sd;
}
parameters {
  real mu;
}
model {
  target += normal_lpdf(mu | prior_mean, prior_sd);
  target += normal_lpdf(y | mu, noise_sd);
}
