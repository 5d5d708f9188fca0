//! The tests of an example bundle, as those of a package would be run.

toolgate_harness::policy_tests!("../policies/examples/github-triage");
