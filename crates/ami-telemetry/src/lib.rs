//! Names of metrics, close reasons, faults, logging.
