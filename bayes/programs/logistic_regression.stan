// Logistic regression with two coefficients: bayes/exact/logistic_regression.py.
data {
  int<lower=0> n;
  int<lower=n> rows_design;
  int<lower=2, upper=2> columns_design;
  array[n] int<lower=0, upper=1> y;
  matrix[rows_design, columns_design] design;
  vector[2] prior_mean;
  vector<lower=0>[2] prior_sds;
}
parameters {
  vector[2] beta;
}
model {
  for (k in 1 : 2) {
    if (!is_inf(prior_sds[k])) { // an infinite sd is a flat prior, of density 1
      target += normal_lpdf(beta[k] | prior_mean[k], prior_sds[k]);
    }
  }
  target += bernoulli_logit_lpmf(y | design[1 : n] * beta);
}
