"""`tierstream notify`: from the notifications topic to the member, by e-mail, webhook or console.

```
loyalty.notifications ──> reading.py    a consumer group; only a member's next number
                             ▼
                         outbox.py      SQLite: delivery, number and offset in one transaction, then Kafka's commit
                             ▼
                         couriers.py    per channel, some threads: contact, decision, hand-over, note
                             │  deciding.py   PURE  (delivery, contact, rules, now) -> send, wait, leave, give up
                             │  texts.py      PURE  (notification, language) -> subject and body
                             ▼
             channels.py  smtp.py  http.py            loyalty.undelivered: what could not be delivered, and why
```
"""
