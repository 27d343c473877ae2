// SPDX-License-Identifier: EUPL-1.2
//! The specification held against the code: its example, its kinds, every field and every refusal.
