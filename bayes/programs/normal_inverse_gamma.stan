// Mean and variance of a normal, both unknown: bayes/exact/normal_inverse_gamma.py.
data {
  int<lower=0> n;
  vector[n] y;
  real prior_mean;
  real<lower=0> prior_count;
  real<lower=0> shape;
  real<lower=0> scale;
}
parameters {
  real mu;
  real<lower=0> sigma2;
}
model {
  target += inv_gamma_lpdf(sigma2 | shape, scale);
  target += normal_lpdf(mu | prior_mean, sqrt(sigma2 / prior_count));
  target += normal_lpdf(y | mu, sqrt(sigma2));
}
