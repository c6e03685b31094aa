// What is published as a file: exports, and the snapshot that the feed goes on from.
#include "api/contact_query.hpp"
#include "api/problem.hpp"
#include "api/router.hpp"
#include "api/spool.hpp"
#include "base/log.hpp"
#include "export/format.hpp"
#include "export/history_json.hpp"

namespace gald::api {

namespace {

using exporting::Format;

std::string_view media_type(Format format) {
  switch (format) {
    case Format::csv:
      return "text/csv; charset=utf-8";
    case Format::xlsx:
      return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    case Format::vcf:
    case Format::vcf3:
      return "text/vcard; charset=utf-8";
    case Format::jsonl:
      return "application/jsonl";
    case Format::ldif:
      return "text/x-ldif";
  }
  return {};
}

std::string_view file_ending(Format format) {
  switch (format) {
    case Format::csv:
      return "csv";
    case Format::xlsx:
      return "xlsx";
    case Format::vcf:
    case Format::vcf3:
      return "vcf";
    case Format::jsonl:
      return "jsonl";
    case Format::ldif:
      return "ldif";
  }
  return {};
}

/// What a request asks for.
struct Order {
  Format format = Format::csv;
  exporting::Columns columns = exporting::visible_columns();
  index::ContactFilter filter;
  std::optional<index::Moment> at;
};

Order order_of(const Call& call) {
  const Parameters& parameters = call.parameters;
  Order order;
  const auto format = parameters.word("format", exporting::format_named, exporting::kFormatNames);
  if (!format)
    parameters.refuse("format", exporting::kFormatNames);
  order.format = *format;
  order.filter = filter_from(parameters);
  order.at = moment_from(parameters, call.services.clock.now());
  if (const auto columns = parameters.text("columns")) {
    if (!exporting::has_columns(order.format))
      throw Refused(400, "columns: is for the formats csv and xlsx");
    if (!exporting::choose_columns(*columns, order.columns).empty())
      parameters.refuse("columns", "visible, all, or names between commas, each once");
  }
  if (order.format == Format::ldif && order.filter.kind == model::EntryKind::group)
    throw Refused(400, "kind: ldif has no groups; take csv or jsonl for them");
  return order;
}

std::unique_ptr<exporting::Writer> writer_for(const Order& order, Spool& spool) {
  const auto sink = [&spool](std::string_view bytes) { spool.write(bytes); };
  if (order.format == Format::xlsx)
    return exporting::xlsx_writer(order.columns, spool.file(), spool.folder());
  if (order.format == Format::jsonl && order.at)
    return exporting::json_lines_writer(sink, true);
  return exporting::text_writer(order.format, order.columns, std::string(exporting::kDefaultBase),
                                sink);
}

/// The read transaction is over when this returns, however slow the client is.
std::vector<std::string> write_to(Spool& spool, const Order& order, Call& call) {
  const index::Reader& reader = call.readers.reader();
  const auto contacts = [&](const std::function<bool(const model::Contact&)>& visit) {
    if (order.at)
      call.readers.history().contacts(*order.at, order.filter, visit);
    else
      reader.contacts(order.filter, visit);
  };
  std::vector<exporting::Total> others;
  if (!order.at)
    others = exporting::conflict_totals(reader.overview());
  const auto writer = writer_for(order, spool);
  return exporting::write_all(contacts, others, *writer).remarks;
}

net::ServerResponse file_response(std::string_view type, std::string_view name) {
  net::ServerResponse response;
  response.headers = {
      {"Content-Type", std::string(type)},
      {"Cache-Control", "no-store"},
      {"Content-Disposition", "attachment; filename=\"" + std::string(name) + "\""}};
  return response;
}

/// Instead of the body of a file that is not made, as nobody wants to have it.
class NoBody final : public net::BodySource {
 public:
  Piece next() override { return {"", true}; }
};

bool only_the_head(const Call& call, net::ServerResponse& response) {
  if (call.request.method == "HEAD")
    response.stream = std::make_shared<NoBody>();  // whose length nobody knows
  return response.stream != nullptr;
}

std::shared_ptr<Spool> spool_beside(const Call& call) {
  return std::make_shared<Spool>(call.readers.index_file().parent_path(), call.who.name);
}

net::ServerResponse export_contacts(Call& call) {
  const Order order = order_of(call);
  net::ServerResponse response =
      file_response(media_type(order.format), "contacts." + std::string(file_ending(order.format)));
  if (only_the_head(call, response))
    return response;
  const Places::Place place(call.places);
  const auto spool = spool_beside(call);
  try {
    for (const std::string& remark : write_to(*spool, order, call))
      response.headers.emplace_back("Export-Remark", remark);
  } catch (const index::NoSuchGroup&) {
    throw Refused(404, "group: no group has this id, address or name");
  } catch (const exporting::CannotWrite& failed) {
    base::log::error("api.export_failed", failed.what());
    throw Refused(503, "the file could not be written on the server; its log says why",
                  {{"Retry-After", "300"}});
  }
  give_body(response, spool);
  return response;
}

net::ServerResponse snapshot(Call& call) {
  net::ServerResponse response = file_response("application/jsonl", "snapshot.jsonl");
  if (only_the_head(call, response)) {
    response.headers.emplace_back("Feed-Position", to_string(call.readers.feed().newest()));
    return response;
  }
  const Places::Place place(call.places);
  const auto spool = spool_beside(call);
  const index::FeedAnswer answer = call.readers.feed().snapshot(
      [&](const index::FeedItem& item) { spool->write(exporting::to_json(item) + "\n"); });
  spool->write(exporting::position_json(answer) + "\n");
  response.headers.emplace_back("Feed-Position", to_string(answer.next));
  give_body(response, spool);
  return response;
}

}  // namespace

void add_export_routes(Router& router) {
  router.add({"GET", "/api/identity/contacts/export", Scope::read,
              filter_parameters({"format", "columns", "at"}), export_contacts});
  router.add({"GET", "/api/identity/changes/snapshot", Scope::read, {}, snapshot});
}

}  // namespace gald::api
