"""Timings and rates beside a peer, in one run; each script prints the table that the docs quote.

Verdicts: ``agreement``, ``right_samplers``, ``registry``, ``mistakes``, ``gates``, ``detectable``. Exactness:
``exactness``, with ``fifty_digits`` as oracle. Gradients: ``torch_gradcheck``. Training: ``train_vs_torch`` with
``jax_worker`` and ``torch_worker``, ``ensembles``, ``scaling``, and ``accelerator`` for a GPU or TPU. Start-up:
``imports``. Claimed errors of the evidence: ``evidence``, with ``evidence_stan`` and ``evidence_diagnostics``.
"""
