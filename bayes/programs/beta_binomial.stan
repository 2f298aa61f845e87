// Probability of success: bayes/exact/beta_binomial.py.
data {
  int<lower=0> n;
  int<lower=1> trials;
  array[n] int<lower=0, upper=trials> y;
  real<lower=0> successes;
  real<lower=0> failures;
}
parameters {
  real<lower=0, upper=1> theta;
}
model {
  target += beta_lpdf(theta | successes, failures);
  target += binomial_lpmf(y | trials, theta);
}
