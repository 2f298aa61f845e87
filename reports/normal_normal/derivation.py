"""The section on the model: formulas and what they mean."""

from reports.normal_normal.problem import Problem
from reports.shared.page import Page


def add_derivation(page: Page, problem: Problem) -> None:
    """Add the model, its posterior, the three predictives and the evidence, each derived and explained."""
    model, y = problem.model, problem.y
    n, posterior = len(y), model.posterior(y)
    weight = 1 - posterior.var() / model.prior_sd**2
    page.section("The model and what follows from it")
    page.text(
        "One unknown, the mean $\\mu$ of a normal whose noise is known. Before the data it is believed to be normal:"
    )
    page.formula(
        r"\mu \sim \mathcal{N}(m_0,\, \tau^2), \qquad y_i = \mu + \varepsilon_i, \quad"
        r" \varepsilon_i \sim \mathcal{N}(0,\, \sigma^2), \quad i = 1, \dots, n"
    )
    page.text(
        "On this page $m_0$ = {prior_mean:.6g}, $\\tau^2$ = {prior_var:.6g}, $\\sigma^2$ = {noise_var:.6g}, and the "
        "data are {source}: $n$ = {n} points with mean $\\bar y$ = {data_mean:.6g}.",
        prior_mean=model.prior_mean,
        prior_var=model.prior_sd**2,
        noise_var=model.noise_sd**2,
        source=problem.source,
        n=n,
        data_mean=y.mean(),
    )
    page.text(
        "<strong>Posterior.</strong> Prior times likelihood, as a function of $\\mu$, is the exponential of a square:"
    )
    page.formula(
        r"\log p(\mu \mid y) = -\frac{(\mu - m_0)^2}{2\tau^2} - \sum_{i=1}^n \frac{(y_i - \mu)^2}{2\sigma^2} + c"
        r" = -\frac{(\mu - m_n)^2}{2 s_n^2} + c'"
    )
    page.formula(
        r"\frac{1}{s_n^2} = \frac{1}{\tau^2} + \frac{n}{\sigma^2}, \qquad"
        r" m_n = s_n^2 \left( \frac{m_0}{\tau^2} + \frac{n \bar y}{\sigma^2} \right)"
    )
    page.text(
        "Precisions add, and the mean is the average of prior and data weighted by them. Here the posterior is normal "
        "with mean {posterior_mean:.6g} and variance {posterior_var:.6g} (sd {posterior_sd:.6g}); the data carry "
        "{data_weight:.2%} of its weight and the prior {prior_weight:.2%}.",
        posterior_mean=posterior.mean(),
        posterior_var=posterior.var(),
        posterior_sd=posterior.std(),
        data_weight=weight,
        prior_weight=1 - weight,
    )
    page.text(
        "<strong>Full posterior predictive.</strong> What the next observation $\\tilde y$ will be, averaged over "
        "every $\\mu$ the posterior still allows:"
    )
    page.formula(
        r"p(\tilde y \mid y) = \int p(\tilde y \mid \mu)\, p(\mu \mid y)\, d\mu"
        r" = \int \mathcal{N}(\tilde y \mid \mu,\, \sigma^2)\, \mathcal{N}(\mu \mid m_n,\, s_n^2)\, d\mu"
        r" = \mathcal{N}(\tilde y \mid m_n,\, s_n^2 + \sigma^2)"
    )
    page.text(
        "No integration is needed: given $y$ the next observation is the sum of two independent normals, $\\mu$ and "
        "its noise, so means and variances add. The variance is the noise plus what is still unknown about the mean."
    )
    page.text(
        "<strong>Plug-in predictives.</strong> A single value in place of the posterior, as if it were the truth:"
    )
    page.formula(
        r"\hat\mu_{\mathrm{MLE}} = \bar y, \qquad \hat\mu_{\mathrm{MAP}} = m_n, \qquad"
        r" p(\tilde y \mid \hat\mu) = \mathcal{N}(\tilde y \mid \hat\mu,\, \sigma^2)"
    )
    page.text(
        "The maximum likelihood estimate (MLE) listens to the data alone; the maximum a posteriori (MAP) is where the "
        "posterior is highest. Both forget that they might be wrong: $s_n^2$ is gone from the variance."
    )
    page.text(
        "<strong>Marginal likelihood.</strong> The evidence is the density that the model gave these data beforehand. "
        "Completing the square in $\\mu$ leaves two misfits that do not depend on it,"
    )
    page.formula(
        r"\sum_{i=1}^n \frac{(y_i - \mu)^2}{\sigma^2} + \frac{(\mu - m_0)^2}{\tau^2}"
        r" = \frac{(\mu - m_n)^2}{s_n^2} + \sum_{i=1}^n \frac{(y_i - \bar y)^2}{\sigma^2}"
        r" + \frac{n (\bar y - m_0)^2}{\sigma^2 + n \tau^2}"
    )
    page.text("and the integral over the remaining square is $\\sqrt{2\\pi}\\, s_n$, so that")
    page.formula(
        r"\log p(y) = -\frac{n}{2} \log(2\pi\sigma^2) - \frac{1}{2} \log\left(1 + \frac{n\tau^2}{\sigma^2}\right)"
        r" - \sum_{i=1}^n \frac{(y_i - \bar y)^2}{2\sigma^2} - \frac{n (\bar y - m_0)^2}{2(\sigma^2 + n\tau^2)}"
    )
    page.text(
        "The second term is Occam's factor: a wide prior pays for all the means it held possible. The last is the "
        "price of a prior that stands far from the data. Here log $p(y)$ = {log_evidence:.6f} nats.",
        log_evidence=model.log_evidence(y),
    )
