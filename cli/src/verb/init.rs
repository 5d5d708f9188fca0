//! `toolgate init`: a bundle to start from.
