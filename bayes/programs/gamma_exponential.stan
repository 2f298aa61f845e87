// Rate of an exponential: bayes/exact/gamma_exponential.py.
data {
  int<lower=0> n;
  vector<lower=0>[n] y;
  real<lower=0> shape;
  real<lower=0> inverse_scale;
}
parameters {
  real<lower=0> rate;
}
model {
  target += gamma_lpdf(rate | shape, inverse_scale);
  target += exponential_lpdf(y | rate);
}
