import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Locale;
import javax.activation.CommandMap;
import javax.activation.DataHandler;
import javax.activation.MailcapCommandMap;
import javax.mail.internet.InternetHeaders;
import javax.mail.internet.MimeBodyPart;
import javax.mail.util.ByteArrayDataSource;

/** MIME entities (headers, empty line, body) as bytes and as JavaMail's parts. */
final class Entity {
    private Entity() {}

    /** A part that writes itself with the very bytes it was read from. */
    static final class Raw extends MimeBodyPart {
        Raw(byte[] all) throws Exception {
            super(new ByteArrayInputStream(all));
        }
    }

    /** A part whose transfer encoding is JavaMail's choice. */
    private static final class Chosen extends MimeBodyPart {
        Chosen(byte[] plain, String type) throws Exception {
            setDataHandler(new DataHandler(new ByteArrayDataSource(plain, type)));
            setHeader("Content-Type", type);
            updateHeaders();
        }
    }

    /** Tells JavaMail which classes of BouncyCastle write which types. */
    static void register() {
        MailcapCommandMap map = (MailcapCommandMap) CommandMap.getDefaultCommandMap();
        String[][] writers = {
            {"application/pkcs7-signature", "pkcs7_signature"},
            {"application/pkcs7-mime", "pkcs7_mime"},
            {"multipart/signed", "multipart_signed"},
        };
        for (String[] each : writers) {
            map.addMailcap(each[0] + ";; x-java-content-handler=org.bouncycastle.mail.smime.handlers." + each[1]);
        }
        CommandMap.setDefaultCommandMap(map);
    }

    static byte[] bytes(MimeBodyPart part) throws Exception {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        part.writeTo(all);
        return all.toByteArray();
    }

    /** A part of bytes that are already encoded as {@code encoding} says; JavaMail chooses where that is empty. */
    static MimeBodyPart part(String type, String encoding, String disposition, byte[] encoded) throws Exception {
        MimeBodyPart part;
        if (!encoding.isEmpty()) {
            InternetHeaders headers = new InternetHeaders();
            headers.addHeader("Content-Type", type);
            headers.addHeader("Content-Transfer-Encoding", encoding);
            part = new MimeBodyPart(headers, encoded);
        } else {
            part = new Chosen(encoded, type);
        }
        if (!disposition.isEmpty()) {
            part.setHeader("Content-Disposition", disposition);
        }
        return part;
    }

    /** The bytes in a transfer encoding; quoted-printable as RFC 2045, 6.7 has it for binary: CR and LF are written out. */
    static byte[] encoded(String encoding, byte[] plain) {
        if (encoding.equals("base64")) {
            return Base64.getMimeEncoder().encode(plain);
        }
        if (!encoding.equals("quoted-printable")) {
            return plain;
        }
        StringBuilder text = new StringBuilder();
        int width = 0;
        for (byte each : plain) {
            boolean literal = each > ' ' && each < 127 && each != '=';
            String next = literal ? String.valueOf((char) each) : String.format("=%02X", each & 0xff);
            if (width + next.length() > 75) {
                text.append("=\r\n");
                width = 0;
            }
            text.append(next);
            width += next.length();
        }
        return text.toString().getBytes(StandardCharsets.US_ASCII);
    }

    static String digest(String algorithm, byte[] data) throws Exception {
        return Base64.getEncoder().encodeToString(MessageDigest.getInstance(dashed(algorithm), "BC").digest(data));
    }

    /** The JCA's name of a digest: {@code sha256} is {@code SHA-256}. */
    static String dashed(String algorithm) {
        return "SHA-" + algorithm.toLowerCase(Locale.ROOT).replace("-", "").substring(3);
    }
}
