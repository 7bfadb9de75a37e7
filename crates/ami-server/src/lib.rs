//! Sockets, tasks and time around ami-mux: listeners, TLS, drivers, hub, cluster.
