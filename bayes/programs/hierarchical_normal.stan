// Hierarchical normal model of eight schools: bayes/exact/hierarchical_normal.py.
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
  int<lower=n> size_noise_sds;
  vector[n] y;
  vector<lower=0>[size_noise_sds] noise_sds;
  real prior_mean;
  real<lower=0> prior_sd;
  int<lower=1, upper=7> tau_prior_family;
  vector[2] tau_prior_numbers;
}
parameters {
  real mu;
  real<lower=0, upper=(tau_prior_family == 6 ? tau_prior_numbers[1] : positive_infinity())> tau;
  vector[n] distance; // from mu, in units of tau: with theta itself NUTS does not get into the funnel
}
transformed parameters {
  vector[n] theta = mu + tau * distance;
}
model {
  target += scale_prior_lpdf(tau | tau_prior_family, tau_prior_numbers);
  target += normal_lpdf(mu | prior_mean, prior_sd);
  target += std_normal_lpdf(distance);
  target += normal_lpdf(y | theta, noise_sds[1 : n]);
}
