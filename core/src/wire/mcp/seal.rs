//! What a client has to bring back, so that nobody can have changed it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{digest::Digest, ledger::ApprovalRequest, time::Timestamp};

/// How long a key is at least, in bytes: as long as the tag (RFC 2104, section 3).
pub const KEY_BYTES: usize = 32;

/// Written before what is sealed: a tag of this is a tag of nothing else.
const DOMAIN: &[u8] = b"toolgate/state/v1\0";

/// A key has fewer than [`KEY_BYTES`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealing key has at least {KEY_BYTES} bytes, this one has {0}")]
pub struct KeyTooShort(pub usize);

/// Why a `requestState` does not count. For the host; a client learns that it is not valid, and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It was not made by this key, or was changed.
    #[error("the request state is forged or altered")]
    Forged,
    /// It was good once.
    #[error("the request state has expired")]
    Expired,
    /// It was made for another call: other arguments, another chain, task, session or bundle.
    #[error("the request state belongs to another call")]
    OtherCall,
    /// Nobody waits for it: it was answered, or the call was asked again since.
    #[error("the request state was used before, or was replaced by a newer one")]
    Used,
}

/// Seals what waits for a confirmation into a `requestState` (MCP 2026-07-28, multi round-trip requests), with HMAC-SHA256.
///
/// The text names the call by its digest, which binds it to the whole chain, the arguments, task, session, bundle and
/// policies. It is no secret. It counts once: the ledger knows what it waits for.
#[derive(Clone)]
pub struct Sealer(Hmac<Sha256>);

impl Sealer {
    /// A sealer with the host's key: at least [`KEY_BYTES`] random bytes, the same in every process that may get the answer.
    ///
    /// # Errors
    /// The key is too short.
    pub fn new(key: &[u8]) -> Result<Self, KeyTooShort> {
        if key.len() < KEY_BYTES {
            return Err(KeyTooShort(key.len()));
        }
        Hmac::new_from_slice(key).map(Self).map_err(|_| KeyTooShort(key.len()))
    }

    pub(super) fn seal(&self, request: &ApprovalRequest) -> String {
        let payload = format!("1.{}.{}.{}", request.id, request.until.millis(), request.call);
        let tag = self.tagged(&payload).finalize().into_bytes();
        let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{payload}.{tag}")
    }

    /// What was sealed: the id of the request, and the digest of the call.
    pub(super) fn open(&self, state: &str, now: Timestamp) -> Result<Opened, StateError> {
        let (payload, tag) = state.rsplit_once('.').ok_or(StateError::Forged)?;
        let tag = Digest::parse(&format!("sha256:{tag}")).ok_or(StateError::Forged)?;
        self.tagged(payload).verify_slice(tag.bytes()).map_err(|_| StateError::Forged)?;
        let mut parts = payload.splitn(4, '.');
        let mut number = || parts.next().and_then(|part| part.parse::<i64>().ok());
        let (version, id, until) = (number(), number(), number());
        let call = parts.next().and_then(Digest::parse);
        let id = id.and_then(|id| u64::try_from(id).ok());
        match (version, id, until, call) {
            (Some(1), Some(id), Some(until), Some(call)) if now < Timestamp::from_millis(until) => {
                Ok(Opened { id, call, until: Timestamp::from_millis(until) })
            }
            (Some(1), Some(_), Some(_), Some(_)) => Err(StateError::Expired),
            _ => Err(StateError::Forged),
        }
    }

    fn tagged(&self, payload: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(DOMAIN);
        mac.update(payload.as_bytes());
        mac
    }
}

/// The key is nobody's to print.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

pub(super) struct Opened {
    pub(super) id: u64,
    pub(super) call: Digest,
    pub(super) until: Timestamp,
}
