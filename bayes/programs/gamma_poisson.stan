// Rate of a Poisson: bayes/exact/gamma_poisson.py.
data {
  int<lower=0> n;
  array[n] int<lower=0> y;
  real<lower=0> shape;
  real<lower=0> inverse_scale;
}
parameters {
  real<lower=0> rate;
}
model {
  target += gamma_lpdf(rate | shape, inverse_scale);
  target += poisson_lpmf(y | rate);
}
