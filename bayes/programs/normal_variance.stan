// Variance of a normal with known mean: bayes/exact/normal_variance.py.
data {
  int<lower=0> n;
  vector[n] y;
  real mean;
  real<lower=0> shape;
  real<lower=0> scale;
}
parameters {
  real<lower=0> sigma2;
}
model {
  target += inv_gamma_lpdf(sigma2 | shape, scale);
  target += normal_lpdf(y | mean, sqrt(sigma2));
}
