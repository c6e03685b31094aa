// Range retrieval (MS-ADTS 3.1.1.3.1.3.3): of an attribute with too many values a controller sends
// the first of them, under a name that says which ("member;range=0-1499"), and the plain name, if
// at all, without any. The rest is asked for until the name says that nothing is left ("-*").
#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "ad/session.hpp"
#include "ad/watermark.hpp"
#include "base/result.hpp"

namespace gald::ad {

struct Range {
  std::string_view attribute;
  std::size_t first = 0;
  std::optional<std::size_t> last;  ///< nothing: "*", the values end here
};

/// Of "member;range=0-1499"; nothing for any other name.
std::optional<Range> parse_range(std::string_view name);

/// Whether values of the entry are still to be asked for. DirSync with incremental values speaks of
/// links that came and went as ranges 1-1 and 0-0; those are what they are.
bool has_open_range(const Entry& entry, Way way);

/// Asks for the rest, until every attribute stands there under its plain name with all its values.
/// An error is one of the connection; false: this object did not answer as it should, so that what
/// it has is not known.
base::Result<bool> complete_ranges(Session& session, OwnedEntry& entry, Way way,
                                   std::stop_token stop);

}  // namespace gald::ad
