// Gaussian process with an exponentiated quadratic kernel: bayes/exact/gaussian_process.py.
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
  int<lower=n> size_inputs;
  array[size_inputs] real inputs;
  int<lower=1, upper=7> rho_prior_family;
  vector[2] rho_prior_numbers;
  int<lower=1, upper=7> alpha_prior_family;
  vector[2] alpha_prior_numbers;
  int<lower=1, upper=7> noise_variance_prior_family;
  vector[2] noise_variance_prior_numbers;
}
parameters {
  real<lower=0, upper=(rho_prior_family == 6 ? rho_prior_numbers[1] : positive_infinity())> rho;
  real<lower=0, upper=(alpha_prior_family == 6 ? alpha_prior_numbers[1] : positive_infinity())> alpha;
  real<lower=0, upper=(noise_variance_prior_family == 6 ? noise_variance_prior_numbers[1] : positive_infinity())> noise_variance;
}
model {
  target += scale_prior_lpdf(rho | rho_prior_family, rho_prior_numbers);
  target += scale_prior_lpdf(alpha | alpha_prior_family, alpha_prior_numbers);
  target += scale_prior_lpdf(noise_variance | noise_variance_prior_family, noise_variance_prior_numbers);
  matrix[n, n] covariance = add_diag(gp_exp_quad_cov(inputs[1 : n], alpha, rho), noise_variance);
  target += multi_normal_cholesky_lpdf(y | rep_vector(0, n), cholesky_decompose(covariance));
}
