import GodwitEngine
import Testing

@testable import GodwitReplication
@testable import GodwitServer

/// The pure parts of the HTTP interface.
@Suite struct HTTPPartsTests {
    @Test("a key's path gives keyspace and bytes")
    func keyPath() throws {
        let plain = try KeyPath("/v1/keys/default/plane/N14228")
        #expect(plain.keyspace == "default")
        #expect(plain.key == Array("plane/N14228".utf8))
        let encoded = try KeyPath("/v1/keys/a%20b/%00%ffz%2F")
        #expect(encoded.keyspace == "a b")
        #expect(encoded.key == [0, 255, UInt8(ascii: "z"), UInt8(ascii: "/")])
        #expect(try KeyPath("/v1/keys/default/").key.isEmpty)
    }

    @Test(
        "a path that is none is refused",
        arguments: [
            "/v1/keys/", "/v1/keys/default", "/v1/keys//k", "/v1/keys/a/%", "/v1/keys/a/%4", "/v1/keys/a/%zz",
            "/v1/keys/%ff/k",
        ])
    func badKeyPath(path: String) { #expect(throws: Failure.self) { try KeyPath(path) } }

    @Test("a position is read as it is written")
    func position() {
        let position = Position(epoch: Epoch(number: 3, tag: 0x5F), sequence: 1042)
        #expect(Position("\(position)") == position)
        for text in ["", "@", "1.2", "1@2", "a.b@1", "1.2@", "1.2@-1", "1.2.3@4", "1.2@3@4"] {
            #expect(Position(text) == nil, "\(text)")
        }
    }

    @Test("metrics are Prometheus text: each name described once, labels escaped, every figure of a link there")
    func metrics() {
        var status = ReplicaStatus()
        status.region = #"a"b\c"#
        status.role = "primary"
        status.epoch = "3.5f00aa12"
        var link = LinkStatus()
        link.node = "n1"
        link.lag = Lag(records: 4, bytes: 5, milliseconds: 6, p50: 7, p99: 8, max: 9)
        var other = link
        other.node = "n2"
        status.followers = [link, other]
        status.slots = [SlotStatus(node: "n1", region: "eu", keptAfter: 3, bytes: 4, isLost: true)]
        status.refusals = ["another store": 2]
        let text = MetricsText(status, nil).text
        let lines = text.split(separator: "\n")
        for line in lines where !line.hasPrefix("#") {
            #expect(
                line.wholeMatch(of: /godwit_[a-z_]+(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? [0-9.]+/)
                    != nil, "\(line)")
        }
        let described = lines.filter { $0.hasPrefix("# TYPE") }
        #expect(Set(described).count == described.count)
        #expect(text.contains(#"region="a\"b\\c""#))
        #expect(text.contains("godwit_epoch_number 3\n"))
        for figure in [
            "connected", "stage", "sent_sequence", "received_sequence", "durable_sequence", "applied_sequence",
            "lag_records",
            "lag_bytes", "lag_seconds", "acknowledgement_seconds", "bytes_total", "bytes_per_second",
            "reconnects_total", "partial_syncs_total", "full_syncs_total", "rewinds_total",
        ] {
            #expect(text.contains("godwit_link_\(figure){peer=\"n2\""), "\(figure)")
        }
        #expect(text.contains("godwit_slot_lost{peer=\"n1\",region=\"eu\"} 1"))
        #expect(text.contains("godwit_refused_handshakes_total{reason=\"another store\"} 2"))
    }
}
