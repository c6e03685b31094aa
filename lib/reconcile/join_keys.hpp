// The keys on which records meet, one by one. For join() alone.
#pragma once

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "model/staged_record.hpp"

namespace gald::reconcile {

inline constexpr std::string_view kSourceAnchor = "source-anchor";
inline constexpr std::string_view kSecurityIdentifier = "security-identifier";
inline constexpr std::string_view kDirectoryObject = "external-directory-object-id";
inline constexpr std::string_view kObjectGuid = "object-guid";

bool is_ad(const model::StagedRecord& record);

/// The source anchor as Entra Connect writes it.
std::string immutable_id(const model::StagedRecord& record);

/// An address without its kind, folded; empty: there is none.
std::string folded(const model::StagedRecord& record, model::Attribute attribute);

/// The keys that one side offers on one rung of the ladder for contacts.
using Keys = std::set<std::string>;

struct Rung {
  std::string_view name;
  Keys (*cloud)(const model::StagedRecord&);
  Keys (*ad)(const model::StagedRecord&);
};

inline constexpr std::size_t kRungs = 4;

/// Strongest first. Each side's keys carry a mark where only one direction may meet: the cloud's
/// own X.500 name among AD's X500 addresses or as AD's own name, and AD's own among the cloud's.
const std::array<Rung, kRungs>& ladder();

/// Its position; kRungs: none is called so.
std::size_t rung_named(std::string_view name);

}  // namespace gald::reconcile
