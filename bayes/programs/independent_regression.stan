// Linear regression with a prior of each coefficient, independent of the noise: bayes/exact/independent_regression.py.
functions {
  // the priors of bayes/exact/scale_priors.py, in its order
  real scale_prior_lpdf(real x, int family, vector numbers) {
    if (family == 1) {
      return normal_lpdf(x | 0, numbers[1]) + log(2);
    } else if (family == 2) {
      return cauchy_lpdf(x | 0, numbers[1]) + log(2);
    } else if (family == 3) {
      return student_t_lpdf(x | numbers[1], 0, numbers[2]) + log(2);
    } else if (family == 4) {
      return gamma_lpdf(x | numbers[1], numbers[2]);
    } else if (family == 5) {
      return inv_gamma_lpdf(x | numbers[1], numbers[2]);
    } else if (family == 6) {
      return uniform_lpdf(x | 0, numbers[1]);
    }
    return 0;
  }
}
data {
  int<lower=0> n;
  vector[n] y;
  int<lower=n> rows_design;
  int<lower=1> columns_design;
  matrix[rows_design, columns_design] design;
  vector[columns_design] prior_mean;
  vector<lower=0>[columns_design] prior_sds; // infinite where the prior is flat
  int<lower=1, upper=7> noise_prior_family;
  vector[2] noise_prior_numbers;
}
transformed data {
  real largest_noise = noise_prior_family == 6 ? noise_prior_numbers[1] : positive_infinity();
}
parameters {
  vector[columns_design] beta;
  real<lower=0, upper=largest_noise> noise_sd;
}
model {
  target += scale_prior_lpdf(noise_sd | noise_prior_family, noise_prior_numbers);
  for (k in 1 : columns_design) {
    if (!is_inf(prior_sds[k])) {
      target += normal_lpdf(beta[k] | prior_mean[k], prior_sds[k]);
    }
  }
  target += normal_lpdf(y | design[1 : n] * beta, noise_sd);
}
