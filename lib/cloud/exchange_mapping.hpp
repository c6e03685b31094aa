// Answers of Exchange Online's Get-MailContact, as changes to records. Pure: text in, values out.
//
// The property names are those of the cmdlet ("Get-MailContact", Exchange PowerShell
// documentation); the JSON form is that of the admin API which the PowerShell module itself uses.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/record.hpp"

namespace gald::cloud {

/// The value of $select: every property that is mapped.
const std::string& exchange_select();

struct ExchangePage {
  std::vector<model::Change> changes;
  std::vector<model::Rejected> rejected;
  std::string next_link;  ///< empty on the last page
};

/// A listing says everything: a property that is absent, null, "" or [] is cleared. Keys with '@'
/// are type annotations and ignored. Rejections and the Error as for Graph's pages.
base::Result<ExchangePage> read_exchange_page(const std::string& json);

}  // namespace gald::cloud
