//! What random policies and facts are made of: the edges of each type, and beyond them.

/// The attributes, tags and members of everything.
pub(super) const NAMES: [&str; 14] =
    ["b", "n", "s", "e", "dec", "ip", "dt", "dur", "set", "rec", "tags", "odd name", "ü", "missing"];

/// Texts: empty, with wildcards and escapes, beyond ASCII, and such as other types are written.
pub(super) const STRINGS: [&str; 16] =
    ["", "a", "abc", "aXbXc", "ü", "*", "a*c", "\\", "\"", "\u{0}", "line\nbreak", "🦀", "10.0.0.1", "1.0", "b", "s"];

/// What `decimal` reads, then what it refuses.
pub(super) const DECIMALS: [&str; 12] = [
    "0.0",
    "-0.0",
    "1.0",
    "1.00",
    "-1.5",
    "0.0001",
    "-0.0001",
    "922337203685477.5807",
    "-922337203685477.5808",
    "922337203685477.5808",
    "1",
    "1.00000",
];

/// What `ip` reads, then what it refuses.
pub(super) const IPS: [&str; 16] = [
    "10.0.0.1",
    "10.0.0.1/32",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "127.0.0.1",
    "127.0.0.0/7",
    "224.0.0.1",
    "224.0.0.0/3",
    "::1",
    "0:0::1/128",
    "::/0",
    "ff00::/8",
    "2001:db8::/32",
    "10.0.0.1/33",
    "::ffff:10.0.0.1",
    "10.0.0.01",
];

/// What `datetime` reads, then what it refuses.
pub(super) const DATETIMES: [&str; 14] = [
    "1970-01-01",
    "1970-01-01T00:00:00Z",
    "2026-01-05T10:00:00.123Z",
    "2026-01-05T11:00:00.123+0100",
    "0000-01-01",
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59-2359",
    "1969-12-31T23:59:59.999Z",
    "2024-02-29",
    "2023-02-29",
    "2024-01-01T24:00:00Z",
    "2016-12-31T23:59:60Z",
    "1900-02-29",
    "2024-01-01T00:00:00",
];

/// What `duration` reads, then what it refuses.
pub(super) const DURATIONS: [&str; 12] = [
    "0ms",
    "-0ms",
    "1ms",
    "1d2h3m4s5ms",
    "-1d",
    "9223372036854775807ms",
    "-9223372036854775808ms",
    "9223372036854775808ms",
    "106751991167d",
    "1h30m",
    "1m1h",
    "",
];

/// Longs, many of them where arithmetic overflows.
pub(super) const LONGS: [&str; 13] = [
    "0",
    "1",
    "-1",
    "2",
    "7",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775806",
    "4294967296",
    "-4294967296",
    "3037000500",
    "-3037000500",
    "86400000",
];

/// Every entity that is named; the last is never there.
pub(super) const ENTITIES: [(&str, &str); 12] = [
    ("User", "alice"),
    ("User", "bob"),
    ("User", "ü\"\\"),
    ("Group", "g0"),
    ("Group", "g1"),
    ("Group", "g2"),
    ("Ns::Doc", "d0"),
    ("Ns::Doc", "d1"),
    ("Action", "read"),
    ("Action", "write"),
    ("Action", "all"),
    ("User", "nobody"),
];

/// The types of entities, and one that none has.
pub(super) const TYPES: [&str; 5] = ["User", "Group", "Ns::Doc", "Action", "Other"];
