#include <algorithm>
#include <set>
#include <utility>

#include "base/encoding.hpp"
#include "export/text_lines.hpp"
#include "export/values.hpp"
#include "export/writer.hpp"
#include "model/forms.hpp"
#include "model/name_form.hpp"

namespace gald::exporting {

namespace {

using model::Attribute;

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// What RFC 2849 lets stand as it is, and a little less: no control characters at all, which some
/// programs trip over.
bool is_safe(std::string_view text) {
  const auto is_plain = [](char c) { return c >= ' ' && static_cast<unsigned char>(c) < 0x7F; };
  return text.empty() || (text.front() != ' ' && text.front() != ':' && text.front() != '<' &&
                          text.back() != ' ' && std::ranges::all_of(text, is_plain));
}

/// The syntax of telephone numbers (RFC 4517 section 3.3.31).
bool is_printable_string(std::string_view text) {
  constexpr std::string_view kOthers = " '()+,-./:?=";
  return std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

/// RFC 4517 section 3.3.28: "$" between the lines.
std::string address_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\5C";
    else if (c == '$')
      out += "\\24";
    else
      out += c;
  }
  return out;
}

constexpr std::pair<Attribute, std::string_view> kPlain[] = {
    {Attribute::display_name, "displayName"},
    {Attribute::given_name, "givenName"},
    {Attribute::initials, "initials"},
    {Attribute::company_name, "o"},
    {Attribute::department, "ou"},
    {Attribute::job_title, "title"},
    {Attribute::employee_id, "employeeNumber"},
    {Attribute::office_location, "physicalDeliveryOfficeName"},
    {Attribute::street, "street"},
    {Attribute::city, "l"},
    {Attribute::state, "st"},
    {Attribute::postal_code, "postalCode"},
    {Attribute::web_page, "labeledURI"},
};

constexpr std::pair<std::string_view, std::string_view> kPhones[] = {
    {"business", "telephoneNumber"},
    {"mobile", "mobile"},
    {"home", "homePhone"},
    {"businessFax", "facsimileTelephoneNumber"},
    {"pager", "pager"},
};

class LdifWriter final : public Writer {
 public:
  LdifWriter(std::string base, Sink sink) : base_(std::move(base)), sink_(std::move(sink)) {
    sink_("version: 1\n");
  }

  void add(const model::Contact& contact) override {
    entry_ = std::exchange(separator_, "\n");
    put("dn", name_of(contact.entry.id));
    for (const char* name : {"top", "person", "organizationalPerson", "inetOrgPerson"})
      put("objectClass", name);
    put("uid", contact.entry.id);
    const std::string called = title(contact);
    put("cn", called);
    const std::string& surname = value(contact, Attribute::surname);
    put("sn", surname.empty() ? called : surname);  // every person must have one
    for (const auto& [attribute, name] : kPlain)
      if (const std::string& text = value(contact, attribute); !text.empty())
        put(name, text);
    put_mails(contact);
    put_phones(contact);
    put_postal_address(contact);
    put_each("description",
             {value(contact, Attribute::description), value(contact, Attribute::notes)});
    put_each("businessCategory", contact.labels);
    put("employeeType", to_string(contact.entry.kind));
    if (!contact.manager_id.empty())
      put("manager", name_of(contact.manager_id));
    sink_(entry_);
  }

  std::vector<std::string> finish(const std::vector<Total>&) override { return {}; }

 private:
  std::string name_of(const std::string& id) const { return "uid=" + id + "," + base_; }

  void put(std::string_view name, std::string_view text) {
    const std::string line = is_safe(text) ? std::string(name) + ": " + std::string(text)
                                           : std::string(name) + ":: " + base::base64_encode(text);
    entry_ += folded_line(line, 76, "\n");
  }

  /// A directory refuses two values that it takes for the same.
  void put_each(std::string_view name, const std::vector<std::string>& values) {
    std::set<std::string> seen;
    for (const std::string& text : values)
      if (!text.empty() && seen.insert(model::case_ignoring_form(text)).second)
        put(name, text);
  }

  /// An address of LDAP is ASCII: an internationalized domain in A-labels, no other local part.
  void put_mails(const model::Contact& contact) {
    for (const std::string& mail : mail_addresses(contact)) {
      const std::string text = is_ascii(mail) ? mail : model::fold_address(mail);
      if (is_ascii(text))
        put("mail", text);
    }
  }

  /// As its source wrote it, where the syntax of LDAP allows that, else as E.164.
  void put_phones(const model::Contact& contact) {
    for (const auto& [type, name] : kPhones) {
      std::set<std::string> seen;
      for (const model::Phone& phone : contact.entry.phones) {
        if (phone.type != type)
          continue;
        const std::string& text = is_printable_string(phone.raw) ? phone.raw : phone.e164;
        std::string compared = text;
        std::erase_if(compared, [](char c) { return c == ' ' || c == '-'; });
        if (!compared.empty() && seen.insert(std::move(compared)).second)
          put(name, text);
      }
    }
  }

  /// All of the address in one value: the class has no attribute for a country.
  void put_postal_address(const model::Contact& contact) {
    std::string lines;
    for (const Attribute part : {Attribute::street, Attribute::postal_code, Attribute::city,
                                 Attribute::state, Attribute::country})
      if (const std::string& text = value(contact, part); !text.empty())
        lines += (lines.empty() ? "" : "$") + address_line(text);
    if (!lines.empty())
      put("postalAddress", lines);
  }

  const std::string base_;
  const Sink sink_;
  std::string_view separator_;  ///< the version belongs to the first entry
  std::string entry_;
};

}  // namespace

std::unique_ptr<Writer> ldif_writer(std::string base, Sink sink) {
  return std::make_unique<LdifWriter>(std::move(base), std::move(sink));
}

}  // namespace gald::exporting
