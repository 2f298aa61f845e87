// Regression with a coefficient that varies between groups: bayes/exact/grouped_regression.py.
functions {
  // The prior of a standard deviation, its family counted as in bayes/exact/scale_priors.py.
  real scale_lpdf(real x, int family, vector numbers) {
    if (family == 1) return normal_lpdf(x | 0, numbers[1]) + log(2); // on the positive half
    if (family == 2) return cauchy_lpdf(x | 0, numbers[1]) + log(2);
    if (family == 3) return student_t_lpdf(x | numbers[1], 0, numbers[2]) + log(2);
    if (family == 4) return gamma_lpdf(x | numbers[1], numbers[2]);
    if (family == 5) return inv_gamma_lpdf(x | numbers[1], numbers[2]);
    if (family == 6) return uniform_lpdf(x | 0, numbers[1]);
    return 0;
  }
  real upper_limit(int family, vector numbers) {
    return family == 6 ? numbers[1] : positive_infinity();
  }
}
data {
  int<lower=0> n;
  int<lower=n> rows_design;
  int<lower=1> columns_design;
  int<lower=n> size_groups;
  int<lower=1> size_prior_mean;
  int<lower=1> size_prior_sd;
  vector[n] y;
  matrix[rows_design, columns_design] design;
  array[size_groups] int<lower=0> groups;
  int<lower=0, upper=columns_design - 1> varying;
  vector[size_prior_mean] prior_mean;
  vector<lower=0>[size_prior_sd] prior_sd;
  int<lower=1, upper=7> group_prior_family;
  vector[2] group_prior_numbers;
  int<lower=1, upper=7> noise_prior_family;
  vector[2] noise_prior_numbers;
}
transformed data {
  int J = max(groups) + 1;
  vector[n] z = design[1 : n, varying + 1];
  array[n] int group; // counted from 1
  for (i in 1 : n) {
    group[i] = groups[i] + 1;
  }
}
parameters {
  vector[columns_design] beta;
  real<lower=0, upper=upper_limit(group_prior_family, group_prior_numbers)> group_sd;
  real<lower=0, upper=upper_limit(noise_prior_family, noise_prior_numbers)> noise_sd;
  vector[J] distance; // in units of group_sd: with theta itself NUTS does not get into the funnel
}
transformed parameters {
  vector[J] theta = beta[varying + 1] + group_sd * distance;
}
model {
  target += scale_lpdf(group_sd | group_prior_family, group_prior_numbers);
  target += scale_lpdf(noise_sd | noise_prior_family, noise_prior_numbers);
  for (k in 1 : columns_design) {
    if (!is_inf(prior_sd[k])) {
      target += normal_lpdf(beta[k] | prior_mean[k], prior_sd[k]);
    }
  }
  target += std_normal_lpdf(distance);
  target += normal_lpdf(y | design[1 : n] * beta + z .* (theta[group] - beta[varying + 1]), noise_sd);
}
