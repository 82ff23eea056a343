import CommandSupport

/// One departure, as far as features need it. A field that the file lacks (`NA`, or empty) is nil, never 0.
struct Flight {
    let hour: String
    let carrier: String
    let tailNumber: String?
    let origin: String
    let destination: String
    let departureDelay: Int?
    let arrivalDelay: Int?
    let airTime: Int?
    let distance: Int?

    /// What the flight's row changes: the aircraft, where it is known, the carrier and the route.
    var entities: [String] {
        var keys = ["carrier/\(carrier)", "route/\(origin)-\(destination)"]
        if let tailNumber { keys.insert("plane/\(tailNumber)", at: 0) }
        return keys
    }
}

extension Flight {
    /// All flights of a file in event order: by hour, then by row.
    static func read(_ path: String) throws(CommandFailure) -> [Flight] {
        var reader = CSVReader(try ByteInput(path: path))
        guard let header = try reader.next() else { throw CommandFailure("\(path) is empty") }
        func column(_ name: String) throws(CommandFailure) -> Int {
            guard let column = header.firstIndex(of: name) else {
                throw CommandFailure("\(path) has no column `\(name)`; it should be the flights file of fixtures/")
            }
            return column
        }
        let (hour, carrier, tail) = (try column("time_hour"), try column("carrier"), try column("tailnum"))
        let (origin, destination) = (try column("origin"), try column("dest"))
        let (departure, arrival) = (try column("dep_delay"), try column("arr_delay"))
        let (airTime, distance) = (try column("air_time"), try column("distance"))
        var flights: [Flight] = []
        while let row = try reader.next() {
            guard row.count == header.count else {
                throw CommandFailure("\(path), line \(reader.rowLine): \(row.count) fields, not \(header.count)")
            }
            func text(_ column: Int) -> String? { row[column].isEmpty || row[column] == "NA" ? nil : row[column] }
            func number(_ column: Int) throws(CommandFailure) -> Int? {
                guard let text = text(column) else { return nil }
                guard let number = Int(text) else {
                    throw CommandFailure("\(path), line \(reader.rowLine): `\(text)` is no number")
                }
                return number
            }
            flights.append(
                Flight(
                    hour: row[hour], carrier: row[carrier], tailNumber: text(tail), origin: row[origin],
                    destination: row[destination], departureDelay: try number(departure),
                    arrivalDelay: try number(arrival), airTime: try number(airTime), distance: try number(distance)))
        }
        let order = flights.indices.sorted { (flights[$0].hour, $0) < (flights[$1].hour, $1) }
        return order.map { flights[$0] }
    }
}
