//! The security log, and what fail2ban makes of it.
