//! IP addresses and ranges, as Cedar's `ipaddr` has them.

use std::{cmp::Ordering, fmt, net::IpAddr, sync::Arc};

/// The longest text of an address with a prefix: eight groups of an IPv6 address, and `/128`.
const LONGEST: usize = 43;

/// An address, or the range of addresses that share its first `prefix` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Net {
    address: IpAddr,
    prefix: u8,
}

impl Net {
    /// Reads what Cedar's `ip` reads: no IPv4 inside IPv6, no leading zero in the prefix.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let many = |c| text.bytes().filter(|b| *b == c).count() >= 2;
        if text.len() > LONGEST || (many(b':') && many(b'.')) {
            return None;
        }
        let Some((address, prefix)) = text.split_once('/') else {
            let address: IpAddr = text.parse().ok()?;
            return Some(Self { address, prefix: bits(address) });
        };
        let address: IpAddr = address.parse().ok()?;
        let plain = prefix.bytes().all(|b| b.is_ascii_digit()) && (prefix == "0" || !prefix.starts_with('0'));
        let prefix: u8 = prefix.parse().ok().filter(|_| plain)?;
        (prefix <= bits(address)).then_some(Self { address, prefix })
    }

    pub(crate) fn is_v4(self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether all of it is loopback: within 127.0.0.0/8, or ::1.
    pub(crate) fn is_loopback(self) -> bool {
        self.address.is_loopback() && self.prefix >= if self.is_v4() { 8 } else { 128 }
    }

    /// Whether all of it is multicast: within 224.0.0.0/4 or ff00::/8.
    pub(crate) fn is_multicast(self) -> bool {
        self.address.is_multicast() && self.prefix >= if self.is_v4() { 4 } else { 8 }
    }

    /// Whether every address of it is one of `range`. Never across the two versions.
    pub(crate) fn within(self, range: Self) -> bool {
        let ((low, high), (least, most)) = (self.ends(), range.ends());
        self.is_v4() == range.is_v4() && least <= low && high <= most
    }

    /// Its first and its last address.
    fn ends(self) -> (u128, u128) {
        match self.address {
            IpAddr::V4(address) => {
                let (address, host) =
                    (u32::from(address), u32::MAX.checked_shr(self.prefix.into()).unwrap_or_default());
                ((address & !host).into(), (address | host).into())
            }
            IpAddr::V6(address) => {
                let (address, host) =
                    (u128::from(address), u128::MAX.checked_shr(self.prefix.into()).unwrap_or_default());
                (address & !host, address | host)
            }
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if self.prefix == bits(self.address) { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address or range as it was written. What it means is what is compared: `::1` and `0:0::1` are one.
#[derive(Clone, Debug)]
pub(crate) struct Ip {
    pub(crate) text: Arc<str>,
    /// Nothing, if Cedar does not read the text; then it is equal to nothing but the same text.
    pub(crate) net: Option<Net>,
}

impl<T: Into<Arc<str>>> From<T> for Ip {
    fn from(text: T) -> Self {
        let text = text.into();
        Self { net: Net::parse(&text), text }
    }
}

impl Ord for Ip {
    fn cmp(&self, other: &Self) -> Ordering {
        let unread = |ip: &Self| ip.net.is_none().then(|| ip.text.clone());
        self.net.cmp(&other.net).then_with(|| unread(self).cmp(&unread(other)))
    }
}

impl PartialOrd for Ip {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ip {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ip {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for good in ["0.0.0.0", "10.0.0.0/8", "::", "::1/128", "1:2:3:4:5:6:7:8/0", "255.255.255.255/32"] {
            assert!(Net::parse(good).is_some(), "{good}");
        }
        let bad = [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/08",
            "10.0.0.0/33",
            "::/129",
            "::ffff:10.0.0.1",
            "1.2.3",
            "::/+1",
            "::/00",
        ];
        for bad in bad {
            assert!(Net::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn ranges() {
        let net = |text| Net::parse(text).unwrap();
        assert!(net("10.1.2.3").within(net("10.0.0.0/8")));
        assert!(net("10.0.0.0/8").within(net("11.0.0.0/0")));
        assert!(!net("10.0.0.0/7").within(net("10.0.0.0/8")));
        assert!(!net("10.0.0.1").within(net("::/0")));
        assert!(net("ff00::/8").is_multicast() && !net("ff00::/7").is_multicast());
        assert!(net("127.0.0.0/8").is_loopback() && !net("::1/127").is_loopback());
    }

    #[test]
    fn one_address_in_two_spellings() {
        assert_eq!(Ip::from("::1"), Ip::from("0:0::1/128"));
        assert_ne!(Ip::from("10.0.0.1"), Ip::from("10.0.0.1/31"));
        assert_ne!(Ip::from("x"), Ip::from("y"));
    }
}
