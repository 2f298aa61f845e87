"""PyMC programs run by NUTS, slice sampling and SMC."""
