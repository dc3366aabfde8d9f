import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import javax.mail.BodyPart;
import javax.mail.internet.InternetHeaders;
import javax.mail.internet.MimeBodyPart;
import javax.mail.internet.MimeMultipart;
import javax.mail.util.ByteArrayDataSource;

/** Builds and reads message disposition notifications (RFC 4130, 7.4; RFC 8098, 3), signed or not. */
final class Receipt {
    private Receipt() {}

    /** Asked: message_id, disposition, mic, mic_algorithm, recipient, me, sign, pss. Answered: entity. */
    static Peer.Fields build(Keys keys, Peer.Fields asked) throws Exception {
        String boundary = "=_report_" + Long.toHexString(System.nanoTime());
        StringBuilder fields = new StringBuilder();
        fields.append("Reporting-UA: BouncyCastle peer\r\n");
        fields.append("Original-Recipient: rfc822; ").append(asked.text("recipient")).append("\r\n");
        fields.append("Final-Recipient: rfc822; ").append(asked.text("recipient")).append("\r\n");
        fields.append("Original-Message-ID: ").append(asked.text("message_id")).append("\r\n");
        fields.append("Disposition: ").append(asked.text("disposition")).append("\r\n");
        if (!asked.text("mic").isEmpty()) {
            fields.append("Received-Content-MIC: ").append(asked.text("mic")).append(", ");
            fields.append(Entity.dashed(asked.text("mic_algorithm")).toLowerCase()).append("\r\n");
        }
        String body = "--" + boundary + "\r\nContent-Type: text/plain; charset=us-ascii\r\n"
                + "Content-Transfer-Encoding: 7bit\r\n\r\nThe message was taken in.\r\n"
                + "--" + boundary + "\r\nContent-Type: message/disposition-notification\r\n"
                + "Content-Transfer-Encoding: 7bit\r\n\r\n" + fields + "\r\n--" + boundary + "--\r\n";
        String type = "multipart/report; report-type=disposition-notification; boundary=\"" + boundary + "\"";
        byte[] report = ("Content-Type: " + type + "\r\n\r\n" + body).getBytes(StandardCharsets.US_ASCII);
        MimeBodyPart part = new Entity.Raw(report);
        if (!asked.text("sign").isEmpty()) {
            part = Builder.signed(part, keys, asked, new Peer.Fields());
        }
        return new Peer.Fields().put("entity", Entity.bytes(part));
    }

    /** Asked: entity, me, you. Answered: signed (the digest, or empty), message_id, disposition, mic, mic_algorithm. */
    static Peer.Fields read(Keys keys, Peer.Fields asked) throws Exception {
        Peer.Fields signature = new Peer.Fields();
        MimeBodyPart report = Opener.verified(keys, asked, signature, new Entity.Raw(asked.bytes("entity")));
        if (!report.getContentType().toLowerCase().startsWith("multipart/report")) {
            throw new IllegalArgumentException("not a report: " + report.getContentType());
        }
        MimeMultipart parts = new MimeMultipart(
                new ByteArrayDataSource(report.getInputStream().readAllBytes(), report.getContentType()));
        BodyPart machine = parts.getBodyPart(1);
        InternetHeaders fields = new InternetHeaders(new ByteArrayInputStream(machine.getInputStream().readAllBytes()));
        String[] mic = first(fields, "Received-Content-MIC").split(",", 2);
        return new Peer.Fields()
                .put("signed", signature.text("mic_algorithm"))
                .put("message_id", first(fields, "Original-Message-ID"))
                .put("disposition", first(fields, "Disposition"))
                .put("mic", mic[0].trim())
                .put("mic_algorithm", mic.length < 2 ? "" : mic[1].trim());
    }

    private static String first(InternetHeaders fields, String name) {
        String value = fields.getHeader(name, null);
        return value == null ? "" : value.trim();
    }
}
