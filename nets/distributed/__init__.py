"""Training on several devices and in several processes.

In reading order:

- ``mesh``: the device mesh, and arrays sharded over it.
- ``processes``: start of the processes, collective operations on the host, and one outcome for all of them.
- ``rendezvous``: the processes find each other before JAX connects them.
- ``device_errors``: missing devices, too little memory, and collective computations that fail.
"""
