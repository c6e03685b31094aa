// Answers of Exchange Online's cmdlets, as changes to records. Pure: text in, values out.
//
// The property names are those of the cmdlets (Exchange PowerShell documentation, of Get-Contact
// the parameters of Set-Contact); the JSON form is that of the admin API which the PowerShell
// module itself uses.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/record.hpp"

namespace gald::cloud {

/// What a page is about. A mail contact comes in two parts, each from a cmdlet of its own.
enum class ExchangeView {
  routing,  ///< Get-MailContact: addresses and what Exchange does with them
  person,   ///< Get-Contact: who it is. Says no kind: only what the routing view brought is meant
  group,    ///< Get-DistributionGroup, Get-DynamicDistributionGroup
  mailbox,  ///< Get-Mailbox: what the mailbox is to Exchange; who it is, its account in Entra tells
};

/// The value of $select: every property that is mapped.
const std::string& exchange_select(ExchangeView view);

/// What each attribute is read from: "MailContact.Alias", "Contact.City", "Group.Alias",
/// "Mailbox.RecipientTypeDetails".
std::vector<model::SourceAttribute> exchange_source_attributes();

struct ExchangePage {
  std::vector<model::Change> changes;
  std::vector<model::Rejected> rejected;
  std::string next_link;  ///< empty on the last page
};

/// Every change names all attributes of its view (Change::part): a property that is absent, null,
/// "" or [] is cleared. Keys with '@' are type annotations and ignored. Rejections and the Error as
/// for Graph's pages.
base::Result<ExchangePage> read_exchange_page(ExchangeView view, const std::string& json);

/// The mailboxes that nobody signs in to, as -RecipientTypeDetails names them: all that are listed.
const std::vector<std::string>& exchange_listed_mailboxes();

/// $select for the members of a group.
const std::string& exchange_member_select();

struct ExchangeMembers {
  std::vector<std::string> anchors;

  /// Of members that no other listing of Exchange brings: users but for the listed mailboxes, and
  /// groups that are no distribution groups. They hold nothing but the id of the Entra object
  /// (Attribute::reference).
  std::vector<model::Change> references;

  std::string trouble;  ///< why a member could not be read: then the list is not whole
  std::string next_link;
};

/// A page of Get-DistributionGroupMember or Get-DynamicDistributionGroupMember. The Error as above.
base::Result<ExchangeMembers> read_exchange_members(const std::string& json);

}  // namespace gald::cloud
