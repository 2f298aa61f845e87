// Mean vector of a multivariate normal with known covariance: bayes/exact/multivariate_normal.py.
data {
  int<lower=0> n;
  int<lower=1> size_prior_mean;
  array[n] vector[size_prior_mean] y;
  vector[size_prior_mean] prior_mean;
  cov_matrix[size_prior_mean] prior_covariance;
  cov_matrix[size_prior_mean] noise_covariance;
}
parameters {
  vector[size_prior_mean] mu;
}
model {
  target += multi_normal_lpdf(mu | prior_mean, prior_covariance);
  target += multi_normal_lpdf(y | mu, noise_covariance);
}
