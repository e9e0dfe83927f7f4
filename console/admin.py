"""The tables of the console, in the room where Django looks for them."""

from django.contrib import admin

from console.audit_table import AuditTable
from console.connection_tables import BlockTable, CertificateTable, PeerTable, RevocationTable, TokenTable
from console.finding_table import SightingTable
from console.hub_tables import StatementTable, TopicTable
from console.link_tables import ExchangeTable, LinkTable, ParcelTable
from console.message_table import MessageTable
from console.models import Block
from console.people_tables import AccountTable, InvitationTable
from console.plugin_tables import JobTable, ProposalTable
from console.replacement_tables import ReplacementTable
from console.report_tables import ReportTable
from console.vault_tables import EnclaveTable, ShardTable, VaultTable
from discovery.models import Sighting
from invites.models import Invitation, Replacement
from links.models import Exchange, Link, Parcel
from messaging.models import Message, Report, Topic
from peers.models import Account, AuditEntry, Certificate, Peer, Revocation, Statement, Token
from plugins.models import Job, Proposal
from vault.models import Enclave, Shard, Vault

admin.site.register(Account, AccountTable)
admin.site.register(Invitation, InvitationTable)
admin.site.register(Peer, PeerTable)
admin.site.register(Certificate, CertificateTable)
admin.site.register(Revocation, RevocationTable)
admin.site.register(Token, TokenTable)
admin.site.register(Block, BlockTable)
admin.site.register(Topic, TopicTable)
admin.site.register(Statement, StatementTable)
admin.site.register(AuditEntry, AuditTable)
admin.site.register(Message, MessageTable)
admin.site.register(Report, ReportTable)
admin.site.register(Replacement, ReplacementTable)
admin.site.register(Sighting, SightingTable)
admin.site.register(Job, JobTable)
admin.site.register(Link, LinkTable)
admin.site.register(Exchange, ExchangeTable)
admin.site.register(Parcel, ParcelTable)
admin.site.register(Proposal, ProposalTable)
admin.site.register(Vault, VaultTable)
admin.site.register(Enclave, EnclaveTable)
admin.site.register(Shard, ShardTable)
