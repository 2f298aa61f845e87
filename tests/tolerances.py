"""Every tolerance of the tests: its name, its value and why it is that large."""

EXACT = 1e-12
"""A closed form in float64 against 50 digits, relative to max(1, |answer|), whatever cancels on the way to it."""

FAR_ELEMENT = 1e-15
"""What the last bits of a parameter near a and of a place near it do to a log density there, in units of sqrt(a)."""

PROBABILITY = 2e-14
"""A CDF, or that of a quantile, against 50 digits, in probability: scipy's Student's t is 1.3e-14 off at 0.001 with one
degree of freedom, and the others are better."""

IDENTITY = 1e-11
"""Two float64 routes to one number, relative to the sum of the absolute terms: each may be off by EXACT, and routes of
many steps (a product of predictives, a sequence) add up a few such errors."""

SAME_INTEGRAL = 1e-9
"""A log evidence as a sum of log predictives, in nats, if each is a two-dimensional integral by quadrature: each is
computed to 1e-11 or better, and the density of a predictive is as good as its weights."""

PRINTED = 5e-8
"""A reference value printed with 7 decimals: half a unit of its last digit."""

MONTE_CARLO = 5
"""Largest error of a Monte Carlo estimate in its own standard errors: passed by chance in 2 of 10 million estimates, so
that a fixed seed that fails points at the code."""

MOMENT = 1e-6
"""A moment of order up to 8 by the trapezoid rule between the quantiles 6e-16 and 1 - 6e-16, relative to itself: what
lies outside, and the digits that 1 - u loses there."""

QUADRATURE = 1e-6
"""A p-value that is an expectation over a chi-square by the trapezoid rule, or the limit of one, relative to itself."""

BY_SCIPY = 1e-9
"""An integral by panels against the sum of some pieces by `scipy.integrate.quad` at its smallest tolerance."""

PROGRAM = 1e-9
"""A log density of PyMC, relative to itself: some of its constants, of a half-Cauchy for example, have nine digits."""

FALSE_ALARM = 1e-6
"""A test that counts random events fails by chance with this probability at most; its seed is fixed besides."""

GRADIENT = {"reverse": 1e-13, "forward": 1e-13, "complex step": 1e-13, "richardson": 1e-10, "central": 1e-8}
"""Method -> relative error of a leaf of a gradient in float64, ||a - b|| / max(||a||, ||b||), against one by hand.

The largest of 240 leaves of 60 sigmoid networks of up to 11 points, 5 inputs and 7 hidden units with standard
normal parameters was 3.1e-15 (reverse), 3.7e-15 (forward), 6.7e-15 (complex step), 1.9e-11 (Richardson) and 4.9e-9
(central). The first three are rounding, a few eps times what cancels in the sum over the points. Richardson's is eps
|f| / h at the h with the smallest error estimate, about 1e-2, and central's eps |f| / h at 8e-6 with as much
truncation. Where a difference crosses a kink or is below rounding, its error estimate is larger, and is the limit
instead (`nets.gradcheck.verdicts`)."""

FLOAT32_SUM = 3e-6
"""A float32 sum of up to 2,500 products in two orders, relative to the largest of its array: five times the largest
seen among the gradients of the convolutions, whose kernels sum over batch and pixels (6e-7)."""

BFLOAT16_PRODUCT = 2**-8
"""Factors rounded to bfloat16 against float32, as Euclidean norms: each factor is off by 2^-9 of itself at most, at
random, and the errors of a sum's terms average out as the terms do."""

BFLOAT16_STEPS = 0.003
"""Loss in nats over two epochs of four steps with products in bfloat16 against float32: ten times the largest seen."""

FLOAT32_FORMS = 1e-4
"""First update of each parameter array in float32 with the layer forms of one platform against those of another, as
Euclidean norms, and losses relative to themselves: sums are in another order, and muon and ReLUs amplify it. The
largest seen was 3e-6 with SGD and 2e-5 with muon."""

BFLOAT16_FORMS = 0.1
"""The same with products in bfloat16, where a CPU has convolutions in float32: 0.033 was the largest of 4 seeds, in a
bias, where the gradients of many pixels cancel."""

MEMORY = 1.3
"""A compiled chunk's memory over parameters, optimiser state, one batch's activations and the data: the gradient is
held as well, and with it the MLP took 1.09 and the conv net 1.24."""

FLOPS = 0.1
"""A training image's operations by a compiler, relative to those of its products and convolutions: a TPU's number has
the updates and activations too, and a GPU's the patches of the first layer."""

TEMPORARY_BYTES = 150e6
"""A compiled chunk's temporary arrays with 128 images a device: the largest seen was 89 MB, the patches of two
convolutions on an H100. Images that a TPU pads to 128 channels take 553."""

SHARED_OUT = 1e-5
"""Losses, parameters and logits of a network after some steps on several devices against one, in float32, where the
gradients are added up in another order. The largest difference in `tests.nets.distributed.mesh_worker` was 1e-6."""

OTHER_FORM = 1e-5
"""Relative: the loss of a step by another form of its convolutions, in float32. The largest seen was 1e-7."""

ADVI = 0.25
"""Log sds, and means in sds, of ADVI on a normal by Adam with steps of 0.01: its last iterate moves about the optimum.
The largest error of 10 seeds was 0.12."""

BY_QUADRATURE = 1e-6
"""A divergence in nats by the trapezoid rule: what lies outside it, and the difference quotient of a transform."""
