// Probabilities of classes: bayes/exact/dirichlet_multinomial.py.
data {
  int<lower=0> n;
  int<lower=2> size_concentration;
  int<lower=1> trials;
  array[n, size_concentration] int<lower=0, upper=trials> y;
  vector<lower=0>[size_concentration] concentration;
}
parameters {
  simplex[size_concentration] p;
}
model {
  target += dirichlet_lpdf(p | concentration);
  for (i in 1 : n) {
    target += multinomial_lpmf(y[i] | p);
  }
}
