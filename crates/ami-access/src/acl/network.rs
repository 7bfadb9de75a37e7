//! Address and mask of one rule.
//!
//! Masks may be non-contiguous, as in Asterisk, so they are kept as bits and not as a length.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Why a rule cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RuleError {
    /// The address is no numeric IPv4 or IPv6 address; blanks, ports and host names make it so too.
    #[error("no numeric IPv4 or IPv6 address (blanks and names are not allowed)")]
    Address,
    /// The mask is neither a length of that family nor a mask in its notation.
    #[error("the mask is neither a prefix length nor a netmask of the address's family")]
    Mask,
}

/// A set of addresses of one family: those that equal `address` where `mask` has ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// IPv4, which also matches IPv4-mapped IPv6 peers.
    V4 { address: u32, mask: u32 },
    /// IPv6, which never matches IPv4-mapped peers.
    V6 { address: u128, mask: u128 },
}

impl Network {
    /// `peer` must be canonical: IPv4-mapped addresses given as IPv4.
    pub(super) fn contains(self, peer: IpAddr) -> bool {
        match (self, peer) {
            (Self::V4 { address, mask }, IpAddr::V4(peer)) => peer.to_bits() & mask == address,
            (Self::V6 { address, mask }, IpAddr::V6(peer)) => peer.to_bits() & mask == address,
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }

    pub(super) fn is_whole_ipv4(self) -> bool {
        matches!(self, Self::V4 { mask: 0, .. })
    }

    pub(super) fn is_ipv6(self) -> bool {
        matches!(self, Self::V6 { .. })
    }
}

impl FromStr for Network {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (address, mask) = match text.split_once('/') {
            Some((address, mask)) => (address, Some(mask)),
            None => (text, None),
        };
        // A rule for an IPv4-mapped address is a rule for the IPv4 address, its mask included.
        match address_of(address)?.to_canonical() {
            IpAddr::V4(address) => {
                let mask = mask.map_or(Ok(u32::MAX), mask_v4)?;
                Ok(Self::V4 {
                    address: address.to_bits() & mask,
                    mask,
                })
            }
            IpAddr::V6(address) => {
                let mask = mask.map_or(Ok(u128::MAX), mask_v6)?;
                Ok(Self::V6 {
                    address: address.to_bits() & mask,
                    mask,
                })
            }
        }
    }
}

fn address_of(text: &str) -> Result<IpAddr, RuleError> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(RuleError::Address)?;
        return inner
            .parse::<Ipv6Addr>()
            .map(IpAddr::V6)
            .map_err(|_| RuleError::Address);
    }
    text.parse().map_err(|_| RuleError::Address)
}

fn mask_v4(text: &str) -> Result<u32, RuleError> {
    if text.contains('.') {
        return text
            .parse::<Ipv4Addr>()
            .map(Ipv4Addr::to_bits)
            .map_err(|_| RuleError::Mask);
    }
    let length = prefix_length(text, 32)?;
    Ok(u32::MAX.checked_shl(32 - length).unwrap_or(0))
}

fn mask_v6(text: &str) -> Result<u128, RuleError> {
    if text.contains(':') {
        return text
            .parse::<Ipv6Addr>()
            .map(Ipv6Addr::to_bits)
            .map_err(|_| RuleError::Mask);
    }
    let length = prefix_length(text, 128)?;
    Ok(u128::MAX.checked_shl(128 - length).unwrap_or(0))
}

/// A number at the start; what follows it is ignored, as in Asterisk.
fn prefix_length(text: &str, max: u32) -> Result<u32, RuleError> {
    if text.contains(['.', ':']) {
        return Err(RuleError::Mask);
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, _) = text.split_at(end);
    let length: u32 = digits.parse().map_err(|_| RuleError::Mask)?;
    if length <= max {
        Ok(length)
    } else {
        Err(RuleError::Mask)
    }
}
