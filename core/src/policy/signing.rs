//! Who made a packed bundle: Ed25519 signatures of its exact bytes.

use ed25519_dalek::{Signature as Ed25519, Signer, SigningKey, VerifyingKey};

use super::{
    PolicyBundle,
    packed::{open, refused},
};
use crate::error::Error;

/// What is signed begins with this, so that a signature of a bundle is never one of something else.
const DOMAIN: &[u8] = b"toolgate/signature/v1\0";

/// The most signatures that one file can hold.
const MOST: u8 = u8::MAX;

fn message(signed: &[u8]) -> Vec<u8> {
    [DOMAIN, signed].concat()
}

impl PolicyBundle {
    /// Adds a signature to a packed bundle, made with a secret Ed25519 key (the 32 bytes of its seed).
    ///
    /// # Errors
    /// The bytes are no packed bundle, or hold as many signatures as they can.
    pub fn sign(packed: &[u8], key: &[u8; 32]) -> Result<Vec<u8>, Error> {
        let opened = open(packed)?;
        let count = u8::try_from(opened.signatures.len()).unwrap_or(MOST);
        if count == MOST {
            return Err(refused("the packed bundle can hold no more signatures").into());
        }
        let key = SigningKey::from_bytes(key);
        let signature = key.sign(&message(opened.signed));
        let mut out = [opened.signed, &[count + 1]].concat();
        for one in &opened.signatures {
            out.extend(one.key.iter().chain(&one.bytes));
        }
        out.extend(key.verifying_key().to_bytes());
        out.extend(signature.to_bytes());
        Ok(out)
    }

    /// As [`PolicyBundle::unpack`], of a bundle that one of these public keys signed.
    ///
    /// # Errors
    /// As [`PolicyBundle::unpack`]; and the bundle is not signed, or by none of the keys.
    pub fn unpack_signed(packed: &[u8], keys: &[[u8; 32]]) -> Result<Self, Error> {
        let opened = open(packed)?;
        if opened.signatures.is_empty() {
            return Err(refused("the packed bundle is not signed").into());
        }
        let message = message(opened.signed);
        let holds = |key: &[u8; 32]| {
            let by = opened.signatures.iter().filter(|signature| signature.key == *key);
            let mut by = by.map(|signature| Ed25519::from_bytes(&signature.bytes));
            let key = VerifyingKey::from_bytes(key);
            key.is_ok_and(|key| by.any(|signature| key.verify_strict(&message, &signature).is_ok()))
        };
        if !keys.iter().any(holds) {
            return Err(refused("the packed bundle is signed by none of the keys that are trusted").into());
        }
        Self::read(opened.payload)
    }
}

/// The public key that belongs to a secret Ed25519 key.
#[must_use]
pub fn public_key(key: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(key).verifying_key().to_bytes()
}
