//! The Cedar types of arguments, as `toolgate check` and the generated schema show them.

use std::fmt;

use crate::sorted::Sorted;

/// The Cedar type of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// `Bool`
    Bool,
    /// `Long`
    Long,
    /// `decimal`
    Decimal,
    /// `String`
    String,
    /// `datetime`
    Datetime,
    /// `ipaddr`
    Ip,
    /// The parts of a URL: scheme, host, port, path, and query and fragment where there are some.
    Url,
    /// The parts of an email address: address and domain.
    Email,
    /// `Set`
    Set(Box<Type>),
    /// A record.
    Record(Fields),
}

/// The fields of a record, by name.
pub(crate) type Fields = Sorted<String, Field>;

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its type.
    pub(crate) ty: Type,
    /// Whether every admitted call has it.
    pub(crate) required: bool,
}

/// An argument, or a part of one, that no policy can use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeftOut {
    /// Where it stands in the input, with `*` for every element of an array.
    pub(crate) pointer: String,
    /// Why it has no Cedar type.
    pub(crate) why: String,
}

impl Type {
    /// The fields of a record, those of a URL and an email address among them.
    pub(crate) fn fields(&self) -> Option<Fields> {
        let field = |(name, ty, required): (&str, Type, bool)| (name.to_owned(), Field { ty, required });
        Some(match self {
            Self::Record(fields) => fields.clone(),
            Self::Url => [
                ("scheme", Self::String, true),
                ("host", Self::String, true),
                ("port", Self::Long, true),
                ("path", Self::String, true),
                ("query", Self::String, false),
                ("fragment", Self::String, false),
            ]
            .map(field)
            .into(),
            Self::Email => [("address", Self::String, true), ("domain", Self::String, true)].map(field).into(),
            _ => return None,
        })
    }
}

/// Cedar's notation.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Bool => "Bool",
            Self::Long => "Long",
            Self::Decimal => "decimal",
            Self::String => "String",
            Self::Datetime => "datetime",
            Self::Ip => "ipaddr",
            Self::Set(items) => return write!(f, "Set<{items}>"),
            Self::Url | Self::Email | Self::Record(_) => {
                f.write_str("{")?;
                for (index, (name, field)) in self.fields().unwrap_or_default().iter().enumerate() {
                    let (comma, mark) = (if index == 0 { "" } else { ", " }, if field.required { "" } else { "?" });
                    write!(f, "{comma}\"{}\"{mark}: {}", name.escape_debug(), field.ty)?;
                }
                return f.write_str("}");
            }
        };
        f.write_str(name)
    }
}
