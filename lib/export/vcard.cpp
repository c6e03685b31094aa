#include <algorithm>
#include <array>
#include <utility>

#include "export/text_lines.hpp"
#include "export/values.hpp"
#include "export/writer.hpp"

namespace gald::exporting {

namespace {

using model::Attribute;

/// A text value: line ends as "\n", no other control characters, which both versions forbid.
std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n')
      continue;
    if (c == '\n' || c == '\r')
      out += "\\n";
    else if (c == '\\' || c == ',' || c == ';')
      (out += '\\') += c;
    else if (c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7F))
      out += c;
  }
  return out;
}

/// A URI is not escaped; what cannot stand in a line is left out.
std::string uri(std::string_view text) {
  std::string out;
  std::ranges::copy_if(text, std::back_inserter(out),
                       [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7F; });
  return out;
}

struct PhoneType {
  std::string_view type;  ///< of model::Phone
  std::string_view v3;
  std::string_view v4;
};

constexpr std::array<PhoneType, 7> kPhoneTypes = {{
    {"business", "WORK,VOICE", "\"work,voice\""},
    {"mobile", "CELL", "cell"},
    {"home", "HOME,VOICE", "\"home,voice\""},
    {"businessFax", "WORK,FAX", "\"work,fax\""},
    {"pager", "PAGER", "pager"},
    {"ip", "WORK,VOICE", "\"work,voice\""},
    {"other", "VOICE", "voice"},
}};

const PhoneType& type_of(const model::Phone& phone) {
  const auto* found = std::ranges::find(kPhoneTypes, phone.type, &PhoneType::type);
  return found == kPhoneTypes.end() ? kPhoneTypes.back() : *found;
}

class VCardWriter final : public Writer {
 public:
  VCardWriter(VCardVersion version, Sink sink)
      : v4_(version == VCardVersion::v4), sink_(std::move(sink)) {}

  void add(const model::Contact& contact) override {
    card_.clear();
    line("BEGIN:VCARD");
    line(v4_ ? "VERSION:4.0" : "VERSION:3.0");
    line("UID:urn:uuid:" + contact.entry.id);
    if (v4_)
      line(contact.entry.kind == model::EntryKind::group ? "KIND:group" : "KIND:individual");
    add_names(contact);
    add_mails(contact);
    add_phones(contact);
    add_place(contact);
    add_rest(contact);
    line("END:VCARD");
    sink_(card_);
  }

  std::vector<std::string> finish(const std::vector<Total>&) override { return {}; }

 private:
  void line(std::string_view text) { card_ += folded_line(text, 75, "\r\n"); }

  void text(std::string_view property, const std::string& value) {
    if (!value.empty())
      line(std::string(property) + ":" + escaped(value));
  }

  void add_names(const model::Contact& contact) {
    text("FN", title(contact));
    line("N:" + escaped(value(contact, Attribute::surname)) + ";" +
         escaped(value(contact, Attribute::given_name)) + ";;;");
    const std::string company = escaped(value(contact, Attribute::company_name));
    const std::string department = escaped(value(contact, Attribute::department));
    if (!company.empty() || !department.empty())
      line("ORG:" + company + (department.empty() ? "" : ";" + department));
    text("TITLE", value(contact, Attribute::job_title));
  }

  void add_mails(const model::Contact& contact) {
    bool first = true;
    for (const std::string& mail : mail_addresses(contact)) {
      if (v4_)
        text(first ? "EMAIL;TYPE=work;PREF=1" : "EMAIL;TYPE=work", mail);
      else
        text(first ? "EMAIL;TYPE=INTERNET,PREF" : "EMAIL;TYPE=INTERNET", mail);
      first = false;
    }
    for (const model::Address& address : contact.entry.addresses)
      if (address.kind == "sip")
        line("IMPP:sip:" + uri(address.value));
  }

  void add_phones(const model::Contact& contact) {
    for (const model::Phone& phone : contact.entry.phones) {
      const PhoneType& type = type_of(phone);
      if (!v4_)
        text("TEL;TYPE=" + std::string(type.v3), phone.raw);
      else if (phone.e164.empty())
        text("TEL;VALUE=text;TYPE=" + std::string(type.v4), phone.raw);
      else
        line("TEL;VALUE=uri;TYPE=" + std::string(type.v4) + ":tel:" + phone.e164 +
             (phone.extension.empty() ? "" : ";ext=" + phone.extension));
    }
  }

  /// The office stands where Outlook has it: as the extended address.
  void add_place(const model::Contact& contact) {
    std::string address;
    bool any = false;
    for (const Attribute part : {Attribute::office_location, Attribute::street, Attribute::city,
                                 Attribute::state, Attribute::postal_code, Attribute::country}) {
      const std::string& text = value(contact, part);
      any = any || !text.empty();
      (address += ';') += escaped(text);
    }
    if (any)
      line("ADR;TYPE=" + std::string(v4_ ? "work:" : "WORK:") + address);
  }

  void add_rest(const model::Contact& contact) {
    if (const std::string url = uri(value(contact, Attribute::web_page)); !url.empty())
      line("URL:" + url);
    text("NOTE", value(contact, Attribute::notes));
    std::string labels;
    for (const std::string& label : contact.labels)
      labels += (labels.empty() ? "" : ",") + escaped(label);
    if (!labels.empty())
      line("CATEGORIES:" + labels);
    if (v4_ && !contact.manager_id.empty())
      line("RELATED;TYPE=x-manager:urn:uuid:" + contact.manager_id);
    if (!contact.changed_at.empty())
      line("REV:" + revision(contact.changed_at));
  }

  /// From ISO 8601 with milliseconds, which version 4 has no place for: 20261121T053000Z.
  std::string revision(std::string_view iso8601) const {
    std::string text(iso8601.substr(0, iso8601.find('.')));
    if (v4_)
      std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    if (!text.ends_with('Z'))
      text += 'Z';
    return text;
  }

  const bool v4_;
  const Sink sink_;
  std::string card_;
};

}  // namespace

std::unique_ptr<Writer> vcard_writer(VCardVersion version, Sink sink) {
  return std::make_unique<VCardWriter>(version, std::move(sink));
}

}  // namespace gald::exporting
