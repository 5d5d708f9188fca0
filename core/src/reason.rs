//! Why a call was not allowed: stable codes, one for each kind of fault.

use std::fmt;

use crate::json::JsonFault;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal,)+) => {
        /// A stable reason code. New codes may come; the meaning of one never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Reason] = &[$(Self::$variant,)+];

            /// The code, as records and the command line show it.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// One sentence for people.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    /// The call is not the JSON it should be.
    MalformedCall = "malformed_call",
    /// The call is over a limit of size, depth, length or number.
    LimitExceeded = "limit_exceeded",
    /// The bundle has no server of this name.
    UnknownServer = "unknown_server",
    /// No MCP method of this name is decided or passed.
    UnknownMethod = "unknown_method",
    /// The method is one that the gate refuses.
    RefusedMethod = "refused_method",
    /// The server's pinned tools/list has no tool of this name.
    UnknownTool = "unknown_tool",
    /// The argument that chooses the tool's verb names none that the manifest lists.
    UnknownOperation = "unknown_operation",
    /// The arguments do not fit the input schema, or an argument is not of the kind the manifest says.
    InvalidArguments = "invalid_arguments",
    /// A policy reads an argument whose value its Cedar type cannot hold exactly.
    InexactArgument = "inexact_argument",
    /// The manifest maps the call to resources, and the arguments name none.
    MissingResource = "missing_resource",
    /// The manifest requires a fact that the call does not carry.
    MissingFact = "missing_fact",
    /// What the call says of an actor contradicts what the bundle says of it.
    IdentityConflict = "identity_conflict",
    /// A forbid failed to evaluate, so nobody knows whether it applies.
    ForbidError = "forbid_error",
    /// A forbid applies.
    Forbidden = "forbidden",
    /// No permit applies to some actor of the delegation chain, or to some resource.
    NoPermit = "no_permit",
    /// A forbid applies that an approval would lift.
    ApprovalRequired = "approval_required",
    /// The protocol's task belongs to somebody else, or nobody knows whose it is.
    NotTaskOwner = "not_task_owner",
    /// The call to confirm is not reserved, or was reserved as another call.
    NotReserved = "not_reserved",
    /// The caller's clock is behind the ledger's.
    ClockBehind = "clock_behind",
    /// The gate failed in itself.
    InternalFault = "internal_fault",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a call is denied whose document cannot be read: it is too large, or it is wrong.
impl From<&JsonFault> for Reason {
    fn from(fault: &JsonFault) -> Self {
        if fault.is_limit() { Self::LimitExceeded } else { Self::MalformedCall }
    }
}
