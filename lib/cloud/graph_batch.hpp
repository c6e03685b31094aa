// Graph's $batch: several requests in one. gald uses it for what no delta query tells. Pure.
//
// Protocol: Graph documentation, "Combine multiple HTTP requests using JSON batching": at most 20
// parts, answered in any order, each with a status of its own and counted on its own against the
// limits. The batch itself answers 200 whatever became of its parts.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/record.hpp"

namespace gald::cloud {

inline constexpr std::size_t kLargestBatch = 20;

/// The body of a batch of GET requests; their ids are "0", "1", ... Each URL begins with "/" and is
/// relative to the version root. REQUIRES: 1 to kLargestBatch of them.
std::string batch_body(const std::vector<std::string>& urls);

struct BatchAnswer {
  std::size_t part = 0;
  int status = 0;
  std::optional<std::chrono::milliseconds> retry_after;
  std::string body;  ///< JSON
};

/// The answers to a batch of `parts` requests, of those that are there. Error (protocol) for what
/// is no answer to a batch.
base::Result<std::vector<BatchAnswer>> read_batch(const std::string& text, std::size_t parts,
                                                  base::TimePoint now);

/// Something about an object that no delta query tells, and what to ask for it.
struct Detail {
  enum class Kind {
    manager,  ///< of a contact
    hidden,   ///< hideFromAddressLists of a Microsoft 365 group
  };
  Kind kind;
  std::string anchor;  ///< of the object

  std::string url() const;
};

/// What the answer says of the object, put into its change: the value, or that there is none.
/// False: it says nothing (no permission, no such object yet), and what was known stays.
bool read_detail(const Detail& detail, int status, const std::string& body, model::Change& change);

}  // namespace gald::cloud
