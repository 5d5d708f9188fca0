//! What is written is read, and nothing else is.

use std::collections::BTreeMap;

use super::{Broken, Packed, Reader};
use crate::{
    json::{Json, Pointer},
    value::Value,
};

fn round<T: Packed + PartialEq + std::fmt::Debug>(value: T) {
    let mut bytes = Vec::new();
    value.pack(&mut bytes);
    let mut from = Reader::new(&bytes);
    assert_eq!(T::unpack(&mut from).unwrap(), value);
    from.end().unwrap();
    for cut in 0..bytes.len() {
        let mut from = Reader::new(&bytes[..cut]);
        assert!(T::unpack(&mut from).is_err(), "{value:?} cut at {cut}");
    }
}

#[test]
fn what_is_written_is_read() {
    for number in [0, 1, -1, 63, 64, -65, i64::MAX, i64::MIN] {
        round(number);
    }
    round(u32::MAX);
    round("é".to_owned());
    round(Json::parse(br#"{"a": [null, true, 1.5, -3, "x", {}]}"#).unwrap());
    round(Value::set([Value::Decimal(5), Value::string("x"), Value::Ip("::1".into()), Value::set([])]));
    round(Pointer::parse("/a/*/b").unwrap());
    round(BTreeMap::from([("a".to_owned(), 3..9), ("b".to_owned(), 0..0)]));
}

#[test]
fn hostile_bytes_are_refused() {
    assert!(u32::unpack(&mut Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x7f])).is_err());
    assert!(i64::unpack(&mut Reader::new(&[0xff; 10])).is_err());
    assert!(Vec::<u32>::unpack(&mut Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f])).is_err());
    assert!(String::unpack(&mut Reader::new(&[2, 0xc3, 0x28])).is_err());
    assert!(Value::unpack(&mut Reader::new(&[9, 2, 1, 0])).is_err(), "a set out of order");
    assert!(Value::unpack(&mut Reader::new(&[9, 2, 0, 0])).is_err(), "an element twice");
    assert!(BTreeMap::<u32, bool>::unpack(&mut Reader::new(&[2, 1, 0, 1, 0])).is_err());
    let mut deep = [5, 1].repeat(1_000_000);
    deep.push(0);
    assert_eq!(Json::unpack(&mut Reader::new(&deep)), Err(Broken("something is nested too deep")));
}
