//! Addresses: where amiplex listens, and where a node is.

use std::net::{Ipv6Addr, SocketAddr};

use crate::check::Check;
use crate::key::KeyPath;

/// An address to listen at: an IP address and a port, no name, so that it means the same at every start.
pub(super) fn bind(
    at: &KeyPath,
    text: &str,
    example: &str,
    check: &mut Check<'_>,
) -> Option<SocketAddr> {
    let address = text.parse().ok();
    if address.is_none() {
        check.problem(
            at,
            format!("{text:?} is no IP address with a port, such as {example} or [::1]:5038"),
        );
    }
    address
}

/// The address of a node: `host:port`, where the host may be a name.
pub(super) fn node(at: &KeyPath, text: &str, check: &mut Check<'_>) {
    if !is_host_and_port(text) {
        check.problem(
            at,
            format!("{text:?} is no host with a port, such as pbx1.example.com:5038 or [::1]:5038"),
        );
    }
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let port_is_valid = port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port != 0);
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_is_valid = match bracketed {
        Some(host) => host.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= HOST_BYTES_MAX
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        }
    };
    port_is_valid && host_is_valid
}

/// The longest name that DNS has.
const HOST_BYTES_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports() {
        for good in [
            "pbx1:5038",
            "10.0.0.1:5038",
            "[::1]:5038",
            "pbx_1.example.com:65535",
        ] {
            assert!(is_host_and_port(good), "{good}");
        }
        for bad in [
            "",
            "pbx1",
            ":5038",
            "pbx1:",
            "pbx1:0",
            "pbx1:65536",
            "::1:5038",
            "[pbx1]:5038",
            "a b:5038",
            "a:+1",
            "a\r\n:1",
        ] {
            assert!(!is_host_and_port(bad), "{bad}");
        }
    }
}
