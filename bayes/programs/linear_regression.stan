// Bayesian linear regression with unknown noise: bayes/exact/linear_regression.py.
data {
  int<lower=0> n;
  int<lower=n> rows_design;
  int<lower=1> columns_design;
  vector[n] y;
  matrix[rows_design, columns_design] design;
  vector[columns_design] prior_mean;
  cov_matrix[columns_design] prior_covariance;
  real<lower=0> shape;
  real<lower=0> scale;
}
parameters {
  real<lower=0> sigma2;
  vector[columns_design] beta;
}
model {
  target += inv_gamma_lpdf(sigma2 | shape, scale);
  target += multi_normal_lpdf(beta | prior_mean, sigma2 * prior_covariance);
  target += normal_lpdf(y | design[1 : n] * beta, sqrt(sigma2));
}
