// Positions in lists, as clients hand them back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gald::api {

/// Fit for a URL. Who wants to can read the position: it must say nothing that the client may not
/// know. `list` says which list it is in; only compared.
std::string cursor_text(std::string_view list, const std::vector<std::string>& position);

/// What cursor_text() was given. Refused with 400 for what is no cursor, and for one of another
/// list. A client can have made it up: each part has to be looked at.
std::vector<std::string> cursor_position(std::string_view list, std::string_view text);

/// Refused with 400: the cursor is none that was answered.
[[noreturn]] void refuse_cursor();

}  // namespace gald::api
