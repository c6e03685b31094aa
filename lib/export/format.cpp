#include "export/format.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/text.hpp"

namespace gald::exporting {

std::optional<Format> format_named(std::string_view name) {
  constexpr std::pair<std::string_view, Format> kFormats[] = {
      {"csv", Format::csv},   {"xlsx", Format::xlsx},   {"vcf", Format::vcf},
      {"vcf3", Format::vcf3}, {"jsonl", Format::jsonl}, {"ldif", Format::ldif}};
  for (const auto& [text, format] : kFormats)
    if (text == name)
      return format;
  return std::nullopt;
}

bool has_columns(Format format) {
  return format == Format::csv || format == Format::xlsx;
}

std::string choose_columns(std::string_view text, Columns& columns) {
  if (text == "visible" || text == "all") {
    columns = text == "all" ? all_columns() : visible_columns();
    return "";
  }
  columns.clear();
  for (const std::string_view name : base::split(text, ',')) {
    const Column* column = column_named(base::trim(name));
    if (column == nullptr)
      return "no column is called \"" + std::string(name) + "\"; man gald lists them";
    if (std::find(columns.begin(), columns.end(), column) != columns.end())
      return "names \"" + std::string(name) + "\" twice";
    columns.push_back(column);
  }
  return "";
}

std::unique_ptr<Writer> text_writer(Format format, const Columns& columns, const std::string& base,
                                    Sink sink) {
  switch (format) {
    case Format::csv:
      return csv_writer(columns, std::move(sink));
    case Format::vcf:
      return vcard_writer(VCardVersion::v4, std::move(sink));
    case Format::vcf3:
      return vcard_writer(VCardVersion::v3, std::move(sink));
    case Format::jsonl:
      return json_lines_writer(std::move(sink));
    case Format::ldif:
      return ldif_writer(base, std::move(sink));
    case Format::xlsx:
      break;
  }
  throw std::logic_error("no text format");
}

std::vector<Total> conflict_totals(const index::Overview& overview) {
  std::vector<Total> totals;
  for (const auto& [kind, count] : overview.conflicts)
    totals.push_back({"conflict (whole index)", kind, count});
  return totals;
}

Written write_all(const ContactStream& contacts, const std::vector<Total>& others, Writer& writer) {
  Tally tally;
  contacts([&](const model::Contact& contact) {
    writer.add(contact);
    tally.add(contact);
    return true;
  });
  std::vector<Total> totals = tally.totals();
  totals.insert(totals.end(), others.begin(), others.end());
  return {tally.contacts(), writer.finish(totals)};
}

}  // namespace gald::exporting
