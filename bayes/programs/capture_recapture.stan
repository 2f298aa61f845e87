// Size of a closed population, the model M0: bayes/exact/capture_recapture.py.
data {
  int<lower=0> n;
  int<lower=1> occasions;
  array[n, occasions] int<lower=0, upper=1> y;
  real<lower=0> present;
  real<lower=0> absent;
  real<lower=0> captures;
  real<lower=0> misses;
}
parameters {
  real<lower=0, upper=1> omega;
  real<lower=0, upper=1> p;
}
model {
  target += beta_lpdf(omega | present, absent);
  target += beta_lpdf(p | captures, misses);
  for (i in 1 : n) {
    real there = bernoulli_lpmf(y[i] | p);
    target += sum(y[i]) > 0 ? log(omega) + there : log_mix(omega, there, 0);
  }
}
